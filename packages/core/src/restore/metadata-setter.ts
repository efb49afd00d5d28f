import { compileAttributeRule, type AttributeRule } from "../fs/attribute-rule.ts";
import { MetadataSetter } from "../fs/metadata.ts";

/** What sets the metadata of restored entries; all their extended attributes without a rule. */
export function makeMetadataSetter(rule: AttributeRule | undefined): MetadataSetter {
  return new MetadataSetter(undefined, rule && compileAttributeRule(rule));
}
