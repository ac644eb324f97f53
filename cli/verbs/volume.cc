// hexad volume create|list|show|retain|drop.
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/format.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/plan_cluster.h"
#include "cli/launcher/slack.h"
#include "cli/launcher/time_travel.h"
#include "cli/launcher/volumes.h"
#include "cli/past.h"
#include "cli/status_view.h"
#include "cli/table.h"
#include "cli/verbs/verbs.h"
#include "cli/verbs/volume_retain.h"

namespace hexad::cli {
namespace {

using launcher::Failed;
using launcher::WrongUsage;

struct VolumeOptions {
  std::string name;
  uint32_t page_size = 4096;
  uint32_t pages_per_pg = 0;
  std::string quorum = "4/6";
  RetainOptions retain;
  bool force = false;
  bool dry_run = false;
};

constexpr uint32_t kMinPageSize = 4096;
constexpr uint32_t kMaxPageSize = 65536;

absl::StatusOr<compute::CreateOptions> CheckedOptions(const VolumeOptions& options) {
  const uint32_t size = options.page_size;
  if ((size & (size - 1)) != 0 || size < kMinPageSize || size > kMaxPageSize) {
    return WrongUsage({absl::StrCat("--page-size ", size, " cannot be"),
                       "a page is a power of two from 4096 to 65536 bytes", "--page-size 4096"});
  }
  const std::vector<std::string> parts = absl::StrSplit(options.quorum, '/');
  compute::CreateOptions create;
  create.page_size = size;
  create.pages_per_pg = options.pages_per_pg;
  const bool numbers = parts.size() == 2 && absl::SimpleAtoi(parts[0], &create.write) &&
                       absl::SimpleAtoi(parts[1], &create.of);
  if (!numbers ||
      !quorum::QuorumSet::KOfN(static_cast<int>(create.write), static_cast<int>(create.of)).ok()) {
    return WrongUsage({absl::StrCat("--quorum ", options.quorum, " cannot be"),
                       "WRITE/OF: more than half of the copies must confirm a write",
                       "--quorum 4/6"});
  }
  const auto retention = RetentionOf(options.retain, create.retention);
  if (!retention.ok()) return retention.status();
  create.retention = *retention;
  return create;
}

// What the engine says, with what was tried and what to do next.
absl::Status Explained(const absl::Status& status, const std::string& what,
                       const std::string& next) {
  if (status.ok()) return status;
  return Failed(status.code(), {what, std::string(status.message()), next});
}

absl::Status NoSuchVolume(const std::string& name) {
  return Failed(absl::StatusCode::kNotFound,
                {absl::StrCat("there is no volume ", name), "", "hexad volume list"});
}

// Every volume that there is: UNAVAILABLE if so few nodes answer that one may be missed.
absl::StatusOr<launcher::ClusterPicture> LookAt(launcher::Launcher& launcher) {
  launcher::ClusterPicture cluster = launcher::Look(launcher);
  if (absl::Status known = launcher::CheckVolumesKnown(cluster); !known.ok()) return known;
  return cluster;
}

absl::Status RunCreate(const Session& session, const VolumeOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(options.name); !named.ok()) return named;
  const auto create = CheckedOptions(options);
  if (!create.ok()) return create.status();
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto cluster = launcher::ConnectToNodes(launcher->record());
  if (!cluster.ok()) return cluster.status();
  const absl::Status created = (*cluster)->Create(options.name, *create);
  if (!created.ok()) {
    return Explained(created, absl::StrCat("cannot create volume ", options.name),
                     absl::IsAlreadyExists(created) ? "hexad volume list" : "hexad status");
  }
  if (session.json) session.Print({{"name", options.name}, {"page_size", create->page_size}});
  session.Say(absl::StrCat("volume ", options.name, " created: pages of ", create->page_size,
                           " bytes, write quorum ", options.quorum));
  return absl::OkStatus();
}

absl::Status RunList(const Session& session) {
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  const auto looked = LookAt(*launcher);
  if (!looked.ok()) return looked.status();
  const launcher::ClusterPicture& cluster = *looked;
  if (session.json) {
    session.Print({{"volumes", StatusJson(cluster)["volumes"]}});
    return absl::OkStatus();
  }
  Table table({{"VOLUME"},
               {"PAGE", Align::kRight},
               {"PGS", Align::kRight},
               {"EPOCH", Align::kRight},
               {"VDL", Align::kRight},
               {"QUORUM"},
               {"WRITER"},
               {"CLONE OF"}});
  for (const launcher::VolumePicture& volume : cluster.volumes) {
    const launcher::VolumeSlack slack = launcher::SlackOf(volume, cluster);
    table.AddRow({volume.name, Thousands(volume.page_size), Thousands(volume.pgs.size()),
                  Thousands(volume.epoch), Thousands(volume.vdl),
                  absl::StrCat(slack.write_need, "/", slack.of, slack.can_write ? " ok" : " LOST"),
                  volume.writer.empty() ? "-" : volume.writer,
                  volume.parent.empty()
                      ? "-"
                      : absl::StrCat(volume.parent, " at ", Thousands(volume.forked_at))});
  }
  if (table.empty()) {
    std::cout << "no volumes.  Next: hexad volume create NAME" << DirOption(session.dir) << "\n";
  } else {
    table.Print(std::cout, session.colour);
  }
  return absl::OkStatus();
}

void PrintPg(size_t index, const launcher::PgPicture& pg, uint32_t pages_per_pg, bool colour) {
  const uint64_t first = static_cast<uint64_t>(index) * pages_per_pg;
  std::cout << "PG " << index << "   pages " << Thousands(first) << " to "
            << Thousands(first + pages_per_pg - 1) << "   membership epoch "
            << pg.membership.epoch.value() << "   PGCL " << Thousands(pg.pgcl) << "\n";
  Table table({{"NODE"}, {"AZ"}, {"SEGMENT"}, {"SCL", Align::kRight}, {"LAG", Align::kRight}});
  for (size_t i = 0; i < pg.segments.size(); ++i) {
    const launcher::SegmentPicture& segment = pg.segments[i];
    table.AddRow({segment.node, pg.membership.members[i].az.value(), segment.state,
                  Thousands(segment.scl), Thousands(segment.lag_lsns)});
  }
  table.Print(std::cout, colour);
}

absl::Status RunShow(const Session& session, const std::string& name) {
  if (absl::Status named = launcher::CheckVolumeName(name); !named.ok()) return named;
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  auto looked = LookAt(*launcher);
  if (!looked.ok()) return looked.status();
  launcher::ClusterPicture& cluster = *looked;
  std::erase_if(cluster.volumes, [&](const auto& volume) { return volume.name != name; });
  if (cluster.volumes.empty()) return NoSuchVolume(name);
  FindOldest(*launcher, cluster);
  if (session.json) {
    session.Print(StatusJson(cluster)["volumes"][0]);
    return absl::OkStatus();
  }
  const launcher::VolumePicture& volume = cluster.volumes[0];
  std::cout << "Volume " << volume.name << "   timeline "
            << absl::StrCat(absl::Hex(volume.timeline, absl::kZeroPad16)) << "   epoch "
            << volume.epoch << "   VDL " << Thousands(volume.vdl) << "   pages of "
            << Thousands(volume.page_size) << " bytes\n";
  std::cout << "on all disks   " << Bytes(volume.own_bytes) << " its own";
  if (!volume.parent.empty()) {
    std::cout << "; " << Bytes(volume.shared_bytes) << " shared with " << volume.parent
              << ", which it left at LSN " << Thousands(volume.forked_at);
  }
  std::cout << "\n";
  PrintPast(volume, std::cout);
  for (size_t i = 0; i < volume.pgs.size(); ++i) {
    PrintPg(i, volume.pgs[i], volume.pages_per_pg, session.colour);
  }
  return absl::OkStatus();
}

// What a drop would take away. Whether a writer is heard is found out by the drop itself.
absl::Status ShowDrop(const Session& session, launcher::Launcher& launcher,
                      const std::string& name) {
  const auto cluster = LookAt(launcher);
  if (!cluster.ok()) return cluster.status();
  const auto volume = std::ranges::find(cluster->volumes, name, &launcher::VolumePicture::name);
  if (volume == cluster->volumes.end()) return NoSuchVolume(name);
  const std::string& writer = volume->writer;
  if (session.json) {
    session.Print({{"would_drop", name},
                   {"pgs", volume->pgs.size()},
                   {"pages", volume->pages_seen},
                   {"writer", writer},
                   {"dry_run", true}});
    return absl::OkStatus();
  }
  std::cout << "would drop volume " << name << ": " << Thousands(volume->pages_seen) << " pages in "
            << Count(volume->pgs.size(), "PG") << "\n";
  if (!writer.empty()) {
    std::cout << writer << " writes to it, so it would be refused without --force\n";
  }
  return absl::OkStatus();
}

// The process of this folder that writes to the volume, even if it is paused and nobody hears it.
std::string WriterHere(const launcher::Launcher& launcher, const std::string& volume) {
  if (launcher.BenchVolume() == volume) return launcher::kBench;
  const launcher::ClusterRecord& record = launcher.record();
  const bool opened = volume == record.volume || std::ranges::count(record.clones, volume) > 0;
  const bool compute =
      opened && launcher.StateOf(launcher::kCompute) != launcher::ProcessState::kDown;
  return compute ? launcher::kCompute : "";
}

absl::Status RunDrop(const Session& session, const VolumeOptions& options) {
  if (absl::Status named = launcher::CheckVolumeName(options.name); !named.ok()) return named;
  auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  if (options.dry_run) return ShowDrop(session, *launcher, options.name);
  if (const std::string writer = WriterHere(*launcher, options.name);
      !writer.empty() && !options.force) {
    return launcher::Refused(
        {absl::StrCat("volume ", options.name, " is open"), absl::StrCat(writer, " writes to it"),
         absl::StrCat("insist: hexad volume drop ", options.name, " --force")});
  }
  if (std::ranges::count(launcher->record().clones, options.name) > 0) {
    if (absl::Status left = launcher::ForgetClone(*launcher, options.name); !left.ok()) return left;
  }
  auto cluster = launcher::ConnectToNodes(launcher->record());
  if (!cluster.ok()) return cluster.status();
  const absl::Status dropped = (*cluster)->Drop(options.name, options.force);
  if (absl::IsFailedPrecondition(dropped)) {
    return launcher::Refused(
        {absl::StrCat("volume ", options.name, " is in use"), std::string(dropped.message()),
         absl::StrCat("insist: hexad volume drop ", options.name, " --force")});
  }
  if (absl::IsNotFound(dropped)) return NoSuchVolume(options.name);
  if (!dropped.ok()) {
    return Explained(dropped, absl::StrCat("volume ", options.name, " is not dropped completely"),
                     "hexad status, hexad volume list");
  }
  if (session.json) session.Print({{"dropped", options.name}});
  session.Say(absl::StrCat("volume ", options.name, " dropped"));
  return absl::OkStatus();
}

using Options = std::shared_ptr<VolumeOptions>;

CLI::App* AddNamed(CLI::App& parent, const char* verb, const char* description, Options options) {
  CLI::App* app = parent.add_subcommand(verb, description);
  app->fallthrough();
  app->add_option("NAME", options->name, "The volume")->required();
  return app;
}

}  // namespace

void AddVolume(CLI::App& app, Session& session) {
  CLI::App* volume = app.add_subcommand("volume", "Create, list, show, retain and drop volumes");
  volume->require_subcommand(1);
  auto options = std::make_shared<VolumeOptions>();

  CLI::App* create = AddNamed(*volume, "create", "A new, empty volume", options);
  create->add_option("--page-size", options->page_size, "Bytes, a power of two")
      ->capture_default_str();
  create->add_option("--pages-per-pg", options->pages_per_pg,
                     "Pages of one protection group (1 GiB of them)");
  create->add_option("--quorum", options->quorum, "WRITE/OF")->capture_default_str();
  create->callback([&session, options] {
    session.run = [&session, options] { return RunCreate(session, *options); };
  });

  for (CLI::App* verb :
       {create, AddNamed(*volume, "retain", "How far a volume can go back", options)}) {
    verb->add_option("--retention", options->retain.window, "So long ago: 90s, 24h (1h)");
    verb->add_option("--retention-log", options->retain.log, "Behind so much log: 512MiB (4GiB)");
  }
  CLI::App* retain = volume->get_subcommand("retain");
  retain->add_flag("--force", options->retain.force, "Even if a clone goes on holding more");
  retain->callback([&session, options] {
    session.run = [&session, options] {
      return RunRetain(session, options->name, options->retain);
    };
  });

  CLI::App* list = volume->add_subcommand("list", "Every volume");
  list->fallthrough();
  list->callback([&session] { session.run = [&session] { return RunList(session); }; });

  CLI::App* show = AddNamed(*volume, "show", "One volume, its PGs and segments", options);
  show->callback([&session, options] {
    session.run = [&session, options] { return RunShow(session, options->name); };
  });

  CLI::App* drop = AddNamed(*volume, "drop", "Forget a volume and its data", options);
  drop->add_flag("--dry-run", options->dry_run, "Only say what it would take away");
  drop->add_flag("--force", options->force, "Even while a writer is heard");
  drop->callback([&session, options] {
    session.run = [&session, options] { return RunDrop(session, *options); };
  });
}

}  // namespace hexad::cli
