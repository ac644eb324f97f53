// hexad verify VOLUME [--ack-log FILE]: every page from every segment compared at one read point;
// with an ack log, every acknowledged MTR looked for on those pages.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/verbs/verbs.h"
#include "cli/verify/verification.h"

namespace hexad::cli {
namespace {

absl::Status RunVerify(const Session& session, const VerifyRequest& request) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  const auto verification =
      Verify(*launcher, request, {.progress = session.progress, .interrupted = Interrupted});
  if (!verification.ok()) return verification.status();
  if (session.json) {
    session.Print(VerificationJson(*verification));
  } else {
    PrintVerification(*verification, std::cout);
  }
  return VerdictOf(*verification);
}

}  // namespace

void AddVerify(CLI::App& app, Session& session) {
  CLI::App* verb =
      app.add_subcommand("verify", "Compare all segments; find every acknowledged MTR");
  auto request = std::make_shared<VerifyRequest>();
  verb->add_option("VOLUME", request->volume, "The volume")->required();
  verb->add_option("--ack-log", request->ack_log, "What hexad bench write --ack-log wrote");
  verb->callback([&session, request] {
    session.run = [&session, request] { return RunVerify(session, *request); };
  });
}

}  // namespace hexad::cli
