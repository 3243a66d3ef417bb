// The page as files that the console serves: one document, one script, one style sheet. Nothing inline, nothing from
// elsewhere: the console's Content-Security-Policy takes neither.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/finial/console/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: "web-dashboard.html" },
  },
  server: { proxy: { "/api": "http://127.0.0.1:3000", "/login": "http://127.0.0.1:3000" } },
});
