// The code in the address was spent; it need not stay in the browser's history.
"use strict";
history.replaceState(null, "", location.pathname);
