// Keep the numbers of a page fresh.
import { keepFresh } from "./refresh.js";

keepFresh(() => fetch(location.href, { headers: { Accept: "text/html" } }));
