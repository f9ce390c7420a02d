import { InvalidArgumentError } from 'commander';

/** By plugin and name. */
export type PluginOptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

const FORM = /^([a-z][a-z0-9-]*)\.([a-zA-Z][a-zA-Z0-9-]*)=(.*)$/s;

/** Adds one `plugin.name=value` to the earlier ones; the value may hold anything. */
export function pluginOption(text: string, earlier: PluginOptions): PluginOptions {
  const [, plugin = '', name = '', value = ''] = FORM.exec(text) ?? [];
  if (plugin === '') throw new InvalidArgumentError(`"${text}" is not plugin.name=value, for example elasticsearch.rename=old-$1`);
  const own = earlier[plugin] ?? {};
  if (Object.hasOwn(own, name) && own[name] !== value) throw new InvalidArgumentError(`${plugin}.${name} is given twice`);
  return { ...earlier, [plugin]: { ...own, [name]: value } };
}
