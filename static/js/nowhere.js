/** The page for an address that leads nowhere: only what all pages share. */

import { showHeader } from "./page/header.js";

showHeader();
