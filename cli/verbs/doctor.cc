// hexad doctor: what is wrong with this folder, its processes, ports and limits; what to do.
#include "cli/doctor.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

void PrintFindings(const Findings& findings, bool colour) {
  for (const Finding& finding : findings) {
    const Colour paint = finding.severity == Severity::kProblem ? Colour::kBad : Colour::kWarning;
    std::cout << Paint(NameOf(finding.severity), paint, colour) << ": " << finding.what << "\n";
    if (!finding.why.empty()) std::cout << "  why:  " << finding.why << "\n";
    if (!finding.next.empty()) std::cout << "  next: " << finding.next << "\n";
  }
  if (findings.empty()) std::cout << "nothing is wrong here\n";
}

absl::Status RunDoctor(const Session& session) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  const Findings findings = Examine(*launcher);
  if (session.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Finding& finding : findings) {
      list.push_back({{"severity", NameOf(finding.severity)},
                      {"what", finding.what},
                      {"why", finding.why},
                      {"next", finding.next}});
    }
    session.Print({{"findings", list}});
  } else {
    PrintFindings(findings, session.colour);
  }
  const auto problems = std::ranges::count(findings, Severity::kProblem, &Finding::severity);
  if (problems == 0) return absl::OkStatus();
  return launcher::Failed(absl::StatusCode::kFailedPrecondition,
                          {Count(static_cast<uint64_t>(problems), "problem") + " found", "", ""});
}

}  // namespace

void AddDoctor(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("doctor", "What is wrong here, and what to do about it");
  verb->callback([&session] { session.run = [&session] { return RunDoctor(session); }; });
}

}  // namespace hexad::cli
