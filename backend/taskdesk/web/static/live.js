// A page that shows how things are is kept as they are now.
import { keepFresh } from "./refresh.js";

keepFresh(() => fetch(location.href, { headers: { Accept: "text/html" } }));
