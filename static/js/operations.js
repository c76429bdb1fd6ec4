/** The operations' page: the log's head, the views behind it, and what can be done to be sure of them. */

import { byId, setText } from "./page/element.js";
import { showHeader } from "./page/header.js";
import { connectionBack, connectionLost } from "./page/notices.js";
import { asOperator, isSignedOut } from "./page/operator.js";
import { Unreachable } from "./service/request.js";
import { every } from "./operations/every.js";
import { rebuildJob, verifyJob } from "./operations/jobs.js";
import { Views } from "./operations/views.js";

/** How often the views are looked at. */
const LOOK_MS = 1000;

showHeader();

const views = new Views();
const jobs = [rebuildJob(), verifyJob()];
const look = every(LOOK_MS, async () => {
  try {
    await views.look();
    connectionBack();
    byId("failed").hidden = true;
    byId("operations").hidden = false;
  } catch (error) {
    trouble(error);
  }
});

open();

async function open() {
  try {
    await asOperator(byId("sign-in"), "Here the service is watched and its views are made anew.", () => {
      look.start();
      for (const job of jobs) job.watch(trouble);
    });
  } catch (error) {
    trouble(error);
  }
}

function trouble(error) {
  if (error instanceof Unreachable) {
    connectionLost("The service cannot be reached. What you see may be old; this mends by itself.", () => look.now());
    if (!byId("operations").hidden) return;
  }
  if (isSignedOut(error)) {
    look.stop();
    byId("operations").hidden = true;
    open();
    return;
  }
  byId("failed").hidden = false;
  setText(byId("failed-words"), error.message);
  byId("again").onclick = open;
}
