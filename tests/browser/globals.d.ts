// What other scripts of the page bring.
declare const katex: { render(formula: string, element: Element, options?: object): void };
declare const POINTS: Record<string, Space>;
declare const document$: { subscribe(start: () => void): void } | undefined;
