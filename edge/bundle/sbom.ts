import type { BundledPackage } from './packages.js';

/** The Node that a release brings along. */
export interface RuntimeFacts {
  readonly nodeVersion: string;
  /** Of `bin/node` as it is unpacked. */
  readonly sha256: string;
  /** Where it came from, for a person: an npm package, a file. */
  readonly origin: string;
}

export interface SbomInput {
  readonly packages: readonly BundledPackage[];
  /** Of Fieldline's package.json, whatever the release is called. */
  readonly version: string;
  readonly licence: string;
  readonly agentSha256: string;
  readonly runtime: RuntimeFacts | undefined;
}

/**
 * What is inside, as CycloneDX 1.5 JSON. It has no time and no serial number: both are optional, and the same sources have
 * to give the same bytes.
 */
export function sbomOf({ packages, version, licence, agentSha256, runtime }: SbomInput): object {
  const agent = {
    ...{ type: 'application', 'bom-ref': 'fieldline-agent', name: 'fieldline-agent', version },
    licenses: licencesOf(licence),
    hashes: [{ alg: 'SHA-256', content: agentSha256 }],
  };
  const components = [...packages.map(componentOf), ...(runtime ? [runtimeComponent(runtime)] : [])];
  return {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 },
    metadata: { component: agent },
    components,
    dependencies: [
      { ref: 'fieldline-agent', dependsOn: components.map((component) => component['bom-ref']) },
      ...components.map((component) => ({ ref: component['bom-ref'] })),
    ],
  };
}

function componentOf({ name, version, licence, sha512 }: BundledPackage) {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;
  return {
    ...{ type: 'library', 'bom-ref': purl, name, version, purl },
    licenses: licencesOf(licence),
    ...(sha512 && { hashes: [{ alg: 'SHA-512', content: sha512 }] }),
  };
}

function runtimeComponent({ nodeVersion, sha256, origin }: RuntimeFacts) {
  const purl = `pkg:generic/node@${nodeVersion}`;
  return {
    ...{ type: 'platform', 'bom-ref': purl, name: 'node', version: nodeVersion, purl, description: origin },
    licenses: licencesOf('MIT'),
    hashes: [{ alg: 'SHA-256', content: sha256 }],
  };
}

/** A single SPDX id is told from an expression; what is neither is a name. */
function licencesOf(licence: string): object[] {
  if (/^[A-Za-z0-9.+-]+$/.test(licence) && licence !== 'NOASSERTION') return [{ license: { id: licence } }];
  if (/^\(?[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)+\)?$/.test(licence)) return [{ expression: licence }];
  return [{ license: { name: licence } }];
}
