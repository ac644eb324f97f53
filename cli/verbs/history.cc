// hexad history VOLUME [--svg FILE]: the epoch tree.
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/format.h"
#include "cli/history_tree.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/volume_view.h"
#include "cli/past.h"
#include "cli/target.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::Failed;

nlohmann::ordered_json NodeJson(const EpochNode& node) {
  nlohmann::ordered_json json{{"epoch", node.epoch},
                              {"first_lsn", node.first_lsn},
                              {"last_lsn", node.last_lsn},
                              {"forked_at", node.forked_at},
                              {"visible", node.visible_to.has_value()}};
  if (node.visible_to.has_value()) json["visible_to"] = *node.visible_to;
  if (node.left_by > 0) json["left_by"] = node.left_by;
  json["children"] = nlohmann::ordered_json::array();
  for (const EpochNode& child : node.children) json["children"].push_back(NodeJson(child));
  return json;
}

absl::Status WriteSvg(const std::string& file, const EpochNode& root, const std::string& volume) {
  std::ofstream out(file);
  out << DrawSvg(root, absl::StrCat("Volume ", volume));
  out.close();
  if (out) return absl::OkStatus();
  return Failed(absl::StatusCode::kUnavailable,
                {absl::StrCat("the picture could not be written to ", file), "", ""});
}

absl::Status RunHistory(const Session& session, const std::string& volume, const std::string& svg) {
  if (absl::Status named = launcher::CheckVolumeName(volume); !named.ok()) return named;
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto view = launcher::VolumeView::Of(*launcher, volume);
  if (!view.ok()) return view.status();
  const v1::VolumeState& state = view->state();
  const v1::History& history = state.history();
  const EpochNode root = TreeOf(history, state.vdl());
  if (!svg.empty()) {
    if (absl::Status status = WriteSvg(svg, root, volume); !status.ok()) return status;
  }
  if (session.json) {
    session.Print({{"volume", volume},
                   {"vdl", state.vdl()},
                   {"can_go_back_to", history.retained_from()},
                   {"retention_window_ms", history.retention_window_ms()},
                   {"retention_log_bytes", history.retention_log_bytes()},
                   {"tree", NodeJson(root)}});
    return absl::OkStatus();
  }
  const v1::Commit oldest = OldestCommit(*view);
  std::cout << "Volume " << volume << "   VDL " << Thousands(state.vdl());
  if (oldest.lsn() != 0) std::cout << "   can go back to " << CommitText(oldest);
  std::cout << "\n";
  for (const std::string& line : DrawText(root)) std::cout << line << "\n";
  if (!svg.empty()) std::cout << "drawn to " << svg << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddHistory(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("history", "The epoch tree: what is visible, what was left");
  auto volume = std::make_shared<std::string>();
  auto svg = std::make_shared<std::string>();
  verb->add_option("VOLUME", *volume, "The volume")->required();
  verb->add_option("--svg", *svg, "Draw it to this file as well");
  verb->callback([&session, volume, svg] {
    session.run = [&session, volume, svg] { return RunHistory(session, *volume, *svg); };
  });
}

}  // namespace hexad::cli
