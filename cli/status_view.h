// A ClusterPicture for people (a table per thing) and for programs (JSON).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <ostream>
#include <string>

#include "cli/launcher/picture.h"
#include "cli/launcher/slack.h"

namespace hexad::cli {

nlohmann::ordered_json StatusJson(const launcher::ClusterPicture& cluster);

struct StatusText {
  std::string folder;  // as the user wrote it
  bool colour = false;
  bool suggestions = true;  // the last line: commands to paste
};
void PrintStatus(const launcher::ClusterPicture& cluster, const StatusText& how, std::ostream& out);

// "Can go back to LSN ...", and who holds garbage collection back; nothing if neither is known.
void PrintPast(const launcher::VolumePicture& volume, std::ostream& out);

// "any 2 nodes or one AZ and still write; one AZ and one node and still read".
std::string CanLoseInWords(const quorum::Slack& write, const quorum::Slack& read);

// "--dir x" if the folder is not the default one, for commands to paste.
std::string DirOption(const std::string& folder);

}  // namespace hexad::cli
