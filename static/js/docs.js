/** The API reference: search, contents that follow the reader, samples, and requests to try. */

import { followScroll } from "./docs/contents.js";
import { startEntries } from "./docs/entries.js";
import { startSamples } from "./docs/samples.js";
import { startSearch } from "./docs/search.js";
import { startTrying } from "./docs/try_it.js";
import { byId } from "./page/element.js";

startSamples();
startEntries();
if (document.getElementById("contents")) {
  followScroll();
  startSearch();
  startTrying();
}
byId("main").dataset.ready = "";
