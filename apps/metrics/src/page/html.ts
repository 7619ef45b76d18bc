/** Markup that is safe to send as it stands. Only `html` makes it. */
export interface Html {
  readonly [MARKUP]: string;
}

export type Content = string | number | null | Html | readonly Content[];

const MARKUP = Symbol("markup");
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Markup from a template. What is put into it is text and is escaped, also inside quoted attributes;
 * unless it is markup itself. Null is nothing. Not for script, style or unquoted attributes.
 */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const markup = strings.map((string, index) => string + render(contents[index] ?? null)).join("");
  return { [MARKUP]: markup };
}

/** The text of the markup, to be sent. */
export function toText(markup: Html): string {
  return markup[MARKUP];
}

function render(content: Content): string {
  if (content === null) return "";
  if (typeof content === "string") return escapeText(content);
  if (typeof content === "number") return String(content);
  return isMarkup(content) ? content[MARKUP] : content.map(render).join("");
}

function isMarkup(content: Html | readonly Content[]): content is Html {
  return MARKUP in content;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
