import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.js';

/** Of Maven: group, artifact and version. */
export type Artifact = readonly [group: string, artifact: string, version: string];

/** Puts the jars of the artifacts, and of all that they need, into `lib` of the folder. Throws if Maven cannot have them. */
export async function fetchJars(
  mvn: string,
  folder: string,
  artifacts: readonly Artifact[],
  withinMs: number,
): Promise<void> {
  const build = join(folder, 'build');
  mkdirSync(build);
  writeFileSync(join(build, 'pom.xml'), pom(artifacts));
  const output = `-DoutputDirectory=${join(folder, 'lib')}`;
  const args = ['-B', '-ntp', 'dependency:copy-dependencies', '-DincludeScope=runtime', output];
  await runCommand(mvn, args, { cwd: build, withinMs });
  rmSync(build, { recursive: true });
}

function pom(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>fieldline.test</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
</project>
`;
}
