import type { Release } from '../domain/helm/release.ts';

interface RenderedTemplate {
  readonly name: string;
  readonly text: string;
}

/** What a manifest's documents begin with: Helm writes it in front of each. */
const DOCUMENT = /^---\n# Source: (.*)\n/gm;

/** What Helm made of the templates of a release, as templates that come to the same: one file for each that had any, in the manifest's order. */
export function renderedTemplates({ manifest, hooks, notes }: Release): readonly RenderedTemplate[] {
  const documents = [...documentsOf(manifest), ...hooks.map(({ path, manifest: text }) => ({ source: path, text }))];
  const bySource = new Map<string, string[]>();
  for (const { source, text } of documents) {
    const name = templateName(source);
    bySource.set(name, [...(bySource.get(name) ?? []), escaped(text.trim())]);
  }
  const templates = [...bySource].map(([name, texts]) => ({ name, text: `${texts.join('\n---\n')}\n` }));
  return notes === '' ? templates : [...templates, { name: 'templates/NOTES.txt', text: escaped(notes) }];
}

function documentsOf(manifest: string): readonly { readonly source: string; readonly text: string }[] {
  const starts = [...manifest.matchAll(DOCUMENT)];
  return starts.map((start, index) => ({
    source: start[1] ?? '',
    text: manifest.slice(start.index + start[0].length, starts[index + 1]?.index),
  }));
}

/** `shop/templates/a.yaml` stays `templates/a.yaml`; `shop/charts/db/templates/a.yaml` is `templates/charts/db/templates/a.yaml`. */
function templateName(source: string): string {
  const path = source.slice(source.indexOf('/') + 1);
  return path.startsWith('templates/') ? path : `templates/${path}`;
}

/** Text that a template writes as it is. */
function escaped(text: string): string {
  return text.replaceAll('{{', '{{ "{{" }}');
}
