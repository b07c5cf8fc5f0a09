// Tells the server in which time zone this person's days begin, whenever it is another than the server knows.

import { store } from "./settings.js";

const known = document.querySelector("[data-time-zone]")?.getAttribute("data-time-zone");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && known && zone !== known) {
  store({ time_zone: zone }).catch(() => {}); // days go on as they did; the next page tries again
}
