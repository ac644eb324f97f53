// What is wrong with a cluster's folder, its processes, ports and limits, and what to do about it.
// Each check looks at one thing and adds findings; none changes anything.
#pragma once

#include <string>
#include <vector>

#include "cli/launcher/launcher.h"
#include "cli/launcher/picture.h"

namespace hexad::cli {

enum class Severity { kFine, kNote, kProblem };
const char* NameOf(Severity severity);

struct Finding {
  Severity severity = Severity::kProblem;
  std::string what;
  std::string why;
  std::string next;
};
using Findings = std::vector<Finding>;

void CheckPrograms(const launcher::Launcher& launcher, Findings& findings);
void CheckLimits(const launcher::Launcher& launcher, Findings& findings);
void CheckProcesses(const launcher::Launcher& launcher, const launcher::ClusterPicture& cluster,
                    Findings& findings);
void CheckLeftovers(const launcher::Launcher& launcher, Findings& findings);
void CheckPorts(const launcher::Launcher& launcher, Findings& findings);
void CheckVolumes(const launcher::ClusterPicture& cluster, Findings& findings);

// Everything above, in that order.
Findings Examine(launcher::Launcher& launcher);

}  // namespace hexad::cli
