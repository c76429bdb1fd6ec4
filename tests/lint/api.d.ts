/** What the pages' JavaScript may rely on: the API's documents, and the elements of the pages. */

import type { components } from "../../target/lint/openapi";

type Schemas = components["schemas"];

declare global {
  /** The API's documents, generated from its OpenAPI description. */
  namespace Api {
    type AbandonedPage = Schemas["PageOfAbandonedCart"];
    type BackgroundErrors = Schemas["BackgroundErrors"];
    type Cart = Schemas["Cart"];
    type CartLine = Schemas["CartLine"];
    type CatalogueChange = Schemas["CatalogueChange"];
    type CartNotice = Schemas["CartNotice"];
    type CartRefusals = Schemas["CartRefusals"];
    type RefusedCommand = Schemas["RefusedCommand"];
    type CartNotices = Schemas["CartNotices"];
    type Code = Schemas["Code"];
    type Configuration = Schemas["Configuration"];
    type Damage = Schemas["Damage"];
    type EntryChanges = Schemas["EntryChanges"];
    type EventPage = { items: Event[]; next: string | null };
    type Funnel = Schemas["FunnelAsOf"];
    type JobRuns = Schemas["JobRuns"];
    type Log = Schemas["Log"];
    type Lot = Schemas["Lot"];
    type Order = Schemas["Order"];
    /** A product's units in an order, or in the cart that it was. */
    type OrderedLine = { sku: string; name: string; quantity: number; total: number; lots: Lot[] };
    type FailedRequests = Schemas["FailedRequests"];
    type Measurement = Schemas["Measurement"];
    type Measurements = Schemas["Measurements"];
    type Pair = Schemas["Pair"];
    type ParkedCart = Schemas["ParkedCart"];
    type ParkedCartPage = Schemas["PageOfParkedCart"];
    type Pairs = Schemas["Pairs"];
    type Product = Schemas["Product"];
    type ProductNumbers = Schemas["ProductNumbers"];
    type ProductNumbersPage = Schemas["PageOfProductNumbers"];
    type ProductPage = Schemas["PricedPageOfProduct"];
    type RebuildStatus = Schemas["RebuildStatus"];
    type RelatedProducts = Schemas["PricedRelatedProducts"];
    type SimulatedDays = Schemas["SimulatedDays"];
    type SearchResults = Schemas["SearchResults"];
    type Session = Schemas["OperatorSession"];
    type SharedCart = Schemas["SharedCart"];
    type VerifyStatus = Schemas["VerifyStatus"];
    type View = Schemas["View"];
    type Views = Schemas["Views"];
    type Webhook = Schemas["Webhook"];
    type Webhooks = Schemas["Webhooks"];
    type WhatIf = Omit<Schemas["WhatIf"], "events"> & { events: (Omit<Schemas["HypotheticalEvent"], "data"> & { data: EventData })[] };

    /** The data of all event types together: which members there are depends on the type. */
    type EventData = Schemas["Units"] &
      Schemas["CartPromotion"] &
      Schemas["CartCheckedOut"] & { currency: string; percent?: number; amount?: number } & {
        lines: { sku: string; name: string; lots: Lot[] }[];
        promotion?: string;
        reserve_by?: string;
        message?: string;
      };

    type Event = Omit<Schemas["Event"], "data"> & {
      data: EventData;
      /** Measured by the history page for live events. */
      view_delay_ms?: number;
    };
  }

  /** Elements by id that are more than an `HTMLElement`. */
  interface PageElements {
    "cart-history": HTMLAnchorElement;
    "cart-order": HTMLAnchorElement;
    "configuration-details": HTMLDetailsElement;
    "configuration-filter": HTMLInputElement;
    contents: HTMLDetailsElement;
    copy: HTMLDialogElement;
    "copy-text": HTMLTextAreaElement;
    drawer: HTMLDialogElement;
    "find-sku": HTMLSelectElement;
    "find-value": HTMLInputElement;
    "find-what": HTMLSelectElement;
    from: HTMLInputElement;
    "journal-command": HTMLSelectElement;
    "journal-sku": HTMLSelectElement;
    "no-receipt-link": HTMLAnchorElement;
    "order-history": HTMLAnchorElement;
    "order-receipt": HTMLAnchorElement;
    "price-max": HTMLInputElement;
    "price-min": HTMLInputElement;
    "promotion-code": HTMLInputElement;
    quantity: HTMLInputElement;
    "rebuild-bar": HTMLProgressElement;
    "rebuild-history": HTMLDetailsElement;
    "receipt-history": HTMLAnchorElement;
    "receipt-proof": HTMLAnchorElement;
    "scrubber-canvas": HTMLCanvasElement;
    search: HTMLInputElement;
    "share-link": HTMLInputElement;
    shortcuts: HTMLInputElement;
    slider: HTMLInputElement;
    sort: HTMLSelectElement;
    "suppose-code": HTMLInputElement;
    "suppose-kind": HTMLSelectElement;
    "suppose-quantity": HTMLInputElement;
    "suppose-sku": HTMLSelectElement;
    to: HTMLInputElement;
    token: HTMLInputElement;
    "verify-bar": HTMLProgressElement;
    "verify-history": HTMLDetailsElement;
    "wal-amount": HTMLInputElement;
    "wal-from": HTMLSelectElement;
    "wal-to": HTMLSelectElement;
    "why-link": HTMLAnchorElement;
  }

  /** The parts of each template, by their `data-part`. */
  interface PageTemplates {
    "cart-line": Record<"picture" | "prices" | "total" | "controls" | "stepper" | "notice" | "refusal", HTMLElement> &
      Record<"less" | "more" | "remove", HTMLButtonElement> & { name: HTMLAnchorElement; quantity: HTMLInputElement };
    "catalogue-failed": Record<"words" | "act", HTMLElement>;
    "nothing-found": Record<"words" | "act", HTMLElement>;
    "product-card": Record<"picture" | "category" | "description" | "inCart" | "price" | "add" | "what" | "refusal", HTMLElement> & { name: HTMLAnchorElement };
    "shared-line": Record<"picture" | "prices" | "total" | "done" | "refusal", HTMLElement> & { name: HTMLAnchorElement };
    entry: Record<"mark" | "tags" | "when", HTMLElement> & { sentence: HTMLAnchorElement };
    line: Record<"name" | "lots" | "quantity" | "total", HTMLElement>;
    "parked-cart": Record<"webhook" | "events" | "since" | "why" | "actions" | "retry" | "drop" | "form" | "confirm" | "cancel" | "refusal", HTMLElement> & { cart: HTMLAnchorElement; reason: HTMLInputElement };
    tile: Record<"pause" | "mark" | "number", HTMLElement>;
    view: Record<"name" | "state" | "position" | "lag" | "definition", HTMLElement> & { bar: HTMLProgressElement };
  }
}
