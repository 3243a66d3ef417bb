import { render } from "preact";

import { App } from "./app";
import { follow } from "./state/connection";
import { followKeys } from "./state/keys";
import { followTheme } from "./state/preferences";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/controls.css";
import "./style/table.css";
import "./style/views.css";

followTheme();
followKeys();
follow();
const place = document.getElementById("page");
if (place) render(<App />, place);
