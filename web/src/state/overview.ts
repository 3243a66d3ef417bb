// The overview is shown in pieces everywhere: position and clock in the status bar, counts in the side bar.

import type { Overview } from "../api/models";
import { observable } from "./observable";

export const overview = observable<Overview | null>(null);
