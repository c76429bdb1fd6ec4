/**
 * The page that explains event sourcing by three small examples, and three terms by live events.
 */

import { CartExample } from "./learn/cart.js";
import { Chess } from "./learn/chess.js";
import { LogCut } from "./learn/log_cut.js";
import { ThreeTerms } from "./learn/three_terms.js";

new Chess();
new LogCut();
const terms = new ThreeTerms();
new CartExample(() => void terms.load());
