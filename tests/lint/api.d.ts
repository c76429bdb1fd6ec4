/** The API's documents under short names. Their shapes are generated from its OpenAPI description. */

import type { components } from "../../target/lint/openapi";

type Schemas = components["schemas"];

declare global {
  namespace Api {
    type AbandonedCart = Schemas["AbandonedCart"];
    type Cart = Schemas["Cart"];
    type Event = Schemas["Event"];
    type Product = Schemas["Product"];
  }
}
