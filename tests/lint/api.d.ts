/** What the pages' JavaScript may rely on: the API's documents, and the elements of the pages. */

import type { components } from "../../target/lint/openapi";

type Schemas = components["schemas"];

declare global {
  /** The API's documents, generated from its OpenAPI description. */
  namespace Api {
    type AbandonedPage = Schemas["PageOfAbandonedCart"];
    type Cart = Schemas["Cart"];
    type CartLine = Schemas["CartLine"];
    type EventPage = { items: Event[]; next: string | null };
    type Funnel = Schemas["FunnelAsOf"];
    type Lot = Schemas["Lot"];
    type Pair = Schemas["Pair"];
    type Pairs = Schemas["Pairs"];
    type Product = Schemas["Product"];
    type ProductNumbers = Schemas["ProductNumbers"];
    type ProductNumbersPage = Schemas["PageOfProductNumbers"];
    type ProductPage = Schemas["PricedPageOfProduct"];
    type RebuildStatus = Schemas["RebuildStatus"];
    type Session = Schemas["OperatorSession"];
    type VerifyStatus = Schemas["VerifyStatus"];
    type View = Schemas["View"];
    type Views = Schemas["Views"];

    /** The data of all event types together: which members there are depends on the type. */
    type EventData = Schemas["Units"] &
      Schemas["CartPromotion"] &
      Schemas["CartCheckedOut"] & { currency: string; percent?: number; amount?: number };

    type Event = Omit<Schemas["Event"], "data"> & {
      data: EventData;
      /** Measured by the history page for live events. */
      view_delay_ms?: number;
    };
  }

  /** Elements by id that are more than an `HTMLElement`. */
  interface PageElements {
    copy: HTMLDialogElement;
    "copy-text": HTMLTextAreaElement;
    drawer: HTMLDialogElement;
    from: HTMLInputElement;
    "journal-command": HTMLSelectElement;
    "journal-sku": HTMLSelectElement;
    "order-history": HTMLAnchorElement;
    "promotion-code": HTMLInputElement;
    "rebuild-bar": HTMLProgressElement;
    "scrubber-canvas": HTMLCanvasElement;
    search: HTMLInputElement;
    shortcuts: HTMLInputElement;
    slider: HTMLInputElement;
    to: HTMLInputElement;
    token: HTMLInputElement;
    "verify-bar": HTMLProgressElement;
    "why-link": HTMLAnchorElement;
  }

  /** The parts of each template, by their `data-part`. */
  interface PageTemplates {
    "cart-line": Record<"picture" | "name" | "prices" | "total" | "controls" | "stepper" | "quantity" | "refusal", HTMLElement> &
      Record<"less" | "more" | "remove", HTMLButtonElement>;
    "catalogue-failed": Record<"words" | "act", HTMLElement>;
    "nothing-found": Record<"words" | "act", HTMLElement>;
    "product-card": Record<"picture" | "category" | "name" | "description" | "inCart" | "price" | "add" | "what" | "refusal", HTMLElement>;
    entry: Record<"mark" | "tags" | "when", HTMLElement> & { sentence: HTMLAnchorElement };
    line: Record<"name" | "lots" | "quantity" | "total", HTMLElement>;
    tile: Record<"pause" | "mark" | "number", HTMLElement>;
    view: Record<"name" | "state" | "position" | "lag" | "definition", HTMLElement> & { bar: HTMLProgressElement };
  }
}
