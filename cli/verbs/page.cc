// hexad page VOLUME PAGE [--at LSN|TIME|-30s]: a page as it is, or as it was. --write TEXT changes
// it.
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/time_travel.h"
#include "cli/launcher/volume_view.h"
#include "cli/past.h"
#include "cli/target.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

using launcher::Failed;

constexpr launcher::Millis kWrite{15'000};

struct PageOptions {
  std::string volume;
  uint32_t page = 0;
  std::string at;
  std::string text;  // to write
};

// Sixteen bytes a line; lines that repeat the one above are left out, as hexdump does.
void PrintHex(const std::string& bytes) {
  std::string above;
  bool skipping = false;
  for (size_t at = 0; at < bytes.size(); at += 16) {
    const std::string line = bytes.substr(at, 16);
    if (line == above) {
      if (!skipping) std::cout << "*\n";
      skipping = true;
      continue;
    }
    skipping = false;
    above = line;
    std::cout << absl::StrFormat("%05x ", at);
    for (const char c : line) std::cout << absl::StrFormat(" %02x", static_cast<uint8_t>(c));
    std::cout << "  ";
    for (const char c : line) std::cout << (c >= 32 && c < 127 ? c : '.');
    std::cout << "\n";
  }
}

absl::StatusOr<v1::ReadPagesAnswer> Read(launcher::VolumeView& view, const PageOptions& options) {
  if (options.at.empty()) return view.ReadPage(options.page, 0);
  const auto read_point = ReadPointOf(view, options.at);
  if (!read_point.ok()) return read_point.status();
  return view.ReadPage(options.page, *read_point);
}

// The compute has the volume open: it is its writer.
absl::Status RunWrite(const Session& session, const PageOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(options.volume); !named.ok()) return named;
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  const auto state = launcher::OpenInCompute(*launcher, options.volume);
  if (!state.ok()) return state.status();
  v1::WritePagesRequest request;
  request.set_volume(options.volume);
  v1::PageRange* range = request.add_ranges();
  range->set_page(options.page);
  range->set_data(options.text);
  const auto written = launcher->client().WritePages(request, kWrite);
  if (!written.ok()) {
    return Failed(written.status().code(), {absl::StrCat("page ", options.page, " of volume ",
                                                         options.volume, " is not written"),
                                            std::string(written.status().message()), ""});
  }
  if (session.json) {
    session.Print({{"volume", options.volume},
                   {"page", options.page},
                   {"lsn", written->commit_lsn()},
                   {"commit_us", written->commit_us()}});
  }
  session.Say(absl::StrCat("page ", options.page, " of ", options.volume,
                           " written, durable at LSN ", Thousands(written->commit_lsn()), " after ",
                           Micros(written->commit_us())));
  return absl::OkStatus();
}

absl::Status RunPage(const Session& session, const PageOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(options.volume); !named.ok()) return named;
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto view = launcher::VolumeView::Of(*launcher, options.volume);
  if (!view.ok()) return view.status();
  const absl::StatusOr<v1::ReadPagesAnswer> page = Read(*view, options);
  if (launcher::ExitCodeOf(page.status()) == launcher::ExitCode::kUsage) return page.status();
  if (!page.ok()) {
    return Failed(
        page.status().code(),
        {absl::StrCat("page ", options.page, " of volume ", options.volume, " cannot be read",
                      options.at.empty() ? "" : " there"),
         std::string(page.status().message()), absl::StrCat("hexad history ", options.volume)});
  }
  if (session.json) {
    session.Print({{"volume", options.volume},
                   {"page", page->page()},
                   {"page_lsn", page->page_lsn()},
                   {"read_point", page->read_point()},
                   {"hex", absl::BytesToHexString(page->data())}});
    return absl::OkStatus();
  }
  std::cout << "page " << Thousands(options.page) << " of " << options.volume << " at LSN "
            << Thousands(page->read_point()) << ": "
            << (page->page_lsn() == 0
                    ? std::string("never written")
                    : absl::StrCat("last changed by LSN ", Thousands(page->page_lsn())))
            << "\n";
  PrintHex(page->data());
  return absl::OkStatus();
}

}  // namespace

void AddPage(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("page", "Read a page as it is, or as it was");
  auto options = std::make_shared<PageOptions>();
  verb->add_option("VOLUME", options->volume, "The volume")->required();
  verb->add_option("PAGE", options->page, "Its number, from 0")->required();
  verb->add_option("--at", options->at, "LSN, time (2026-01-31T12:00:00Z) or time ago (-30s)");
  verb->add_option("--write", options->text, "Write this text at the page's start, durably")
      ->excludes("--at");
  verb->callback([&session, options] {
    session.run = [&session, options] {
      return options->text.empty() ? RunPage(session, *options) : RunWrite(session, *options);
    };
  });
}

}  // namespace hexad::cli
