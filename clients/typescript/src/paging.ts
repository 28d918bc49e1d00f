/** One page of a list. */
export interface Page<Item> {
  /** The page's items, newest first. */
  items: Item[];
  /** The cursor for the page that follows; `null` when this is the last one. */
  moreItemsAfter: string | null;
  /** The cursor for the page that precedes; `null` when this is the first one. */
  moreItemsBefore: string | null;
}

/**
 * A list that fetches its pages as they are needed: `for await (const item of list)`. Nothing is asked for before the
 * walk begins, and each walk begins anew. While others insert and delete, a walk gives every item that lives through it
 * exactly once.
 */
export class PagedList<Item> implements AsyncIterable<Item> {
  readonly #fetch: (after: string | undefined) => Promise<Page<Item>>;

  /** @internal */
  constructor(fetch: (after: string | undefined) => Promise<Page<Item>>) {
    this.#fetch = fetch;
  }

  /** The items one by one, newest first. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** The same page by page. */
  async *pages(): AsyncGenerator<Page<Item>, void, undefined> {
    let after: string | undefined;
    do {
      const page = await this.#fetch(after);
      yield page;
      after = page.moreItemsAfter ?? undefined;
    } while (after !== undefined);
  }
}
