#include "compute/host/cluster_client.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compute/host/clone_places.h"
#include "compute/host/clone_run.h"
#include "compute/host/volume_host.h"
#include "compute/host/volume_names.h"
#include "compute/io/clocks.h"
#include "compute/io/gather.h"
#include "compute/io/segment_creation.h"
#include "quorum/record.h"

namespace hexad::compute {
namespace {

constexpr char kNamePrefix[] = "name/";
constexpr uint64_t kDefaultPgBytes = uint64_t{1} << 30;
constexpr Duration kNameTimeout = Duration::Seconds(5);
constexpr Duration kCreateTimeout = Duration::Seconds(5);
constexpr Duration kCreateGrace = Duration::Seconds(1);
constexpr Duration kDescribeTimeout = Duration::Seconds(2);
constexpr int64_t kWriterSilenceMs = 3000;

absl::Status CheckOptions(const CreateOptions& options) {
  if (absl::Status status = options.retention.Check(); !status.ok()) return status;
  if (!quorum::IsValidPageSize(options.page_size)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "page size ", options.page_size, ": it must be a power of two, 4,096 to 65,536 bytes"));
  }
  const auto quorums =
      quorum::QuorumSet::KOfN(static_cast<int>(options.write), static_cast<int>(options.of));
  return quorums.status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Connect(const topology::Topology& topology,
                                                          Duration timeout) {
  auto nodes = ConnectNodes(topology, timeout);
  if (!nodes.ok()) return nodes.status();
  return std::make_unique<ClusterClient>(*std::move(nodes));
}

ClusterClient::ClusterClient(std::shared_ptr<const ClusterNodes> nodes)
    : nodes_(std::move(nodes)), registers_(nodes_) {}

// The segments first, then the name: a name never points to nothing. What is left of an attempt
// that died in between is six empty segments that nobody knows.
absl::Status ClusterClient::Create(const std::string& name, const CreateOptions& options) {
  if (const absl::Status status = quorum::CheckVolumeName(name); !status.ok()) return status;
  if (const absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (const auto free = ReadFreeName(name); !free.ok()) return free.status();

  VolumeEntry entry;
  entry.name = name;
  entry.timeline = TimelineId(RandomNumber());
  entry.page_size = options.page_size;
  entry.pages_per_pg = options.pages_per_pg != 0
                           ? options.pages_per_pg
                           : static_cast<uint32_t>(kDefaultPgBytes / options.page_size);
  entry.retention = options.retention;
  entry.first_pg.pg = quorum::MakePgId(entry.timeline, 0);
  entry.first_pg.write = options.write;
  auto members = quorum::PlaceSegments(entry.first_pg.pg.value(), nodes_->roster,
                                       static_cast<int>(options.of));
  if (!members.ok()) return members.status();
  entry.first_pg.members = *std::move(members);

  quorum::CreateSegment create;
  create.to =
      quorum::Envelope{entry.timeline, entry.first_pg.pg, EpochId::Root(), entry.first_pg.epoch};
  create.membership = entry.first_pg;
  create.page_size = entry.page_size;
  create.first_page = PageNo(0);
  create.page_count = entry.pages_per_pg;
  absl::Status status = CreateSegments(nodes_, create, kCreateGrace, kCreateTimeout);
  if (status.ok()) {
    status = ChangeName(name, [&](const std::string& now) { return RegisterVolume(now, entry); });
  }
  // An attempt that got no answer may still be decided: then the segments are needed. Only a name
  // that somebody else holds proves that ours are not.
  if (absl::IsAlreadyExists(status))
    DropSegments(entry.timeline, {entry.first_pg.pg}).IgnoreError();
  return status;
}

absl::StatusOr<std::string> ClusterClient::ReadFreeName(const std::string& name) {
  auto value = registers_.Read(kNamePrefix + name, kNameTimeout);
  if (!value.ok()) return value.status();
  const auto entry = DecodeName(name, *value);
  if (!entry.ok()) return entry.status();
  if (!entry->has_value()) return *std::move(value);
  return absl::AlreadyExistsError(absl::StrCat("volume ", name, " exists already"));
}

absl::Status ClusterClient::ChangeName(const std::string& name,
                                       const quorum::RegisterProposer::Change& change) {
  return registers_.Change(kNamePrefix + name, kNameTimeout, change).status();
}

// The clone first, then the name: nobody opens what may not be whole. A creator that dies in
// between leaves a clone without a name, which somebody drops later (compute/host/orphan_clones.h).
absl::StatusOr<ClonedVolume> ClusterClient::Clone(const CloneSpec& spec) {
  if (const absl::Status status = quorum::CheckVolumeName(spec.name); !status.ok()) return status;
  const auto parent = Find(spec.parent);
  if (!parent.ok()) return parent.status();
  const auto before = ReadFreeName(spec.name);
  if (!before.ok()) return before.status();

  backtrack::CloneOptions options;
  options.parent.name = parent->name;
  options.parent.timeline = parent->timeline;
  options.parent.page_size = parent->page_size;
  options.parent.pages_per_pg = parent->pages_per_pg;
  options.parent.retention = parent->retention;
  options.parent.pgs = {parent->first_pg};
  options.at = spec.at;
  options.timeline = TimelineId(RandomNumber());
  options.name = spec.name;
  options.at_least = spec.at_least;
  options.seed = RandomNumber();
  CloneOutcome made = RunClone(nodes_, options);
  if (!made.status.ok()) {
    if (made.remains.has_value()) Forget(*made.remains);
    return made.status;
  }
  const quorum::Manifest& manifest = made.cloned->manifest;
  VolumeEntry entry = *parent;
  entry.name = spec.name;
  entry.timeline = manifest.timeline;
  entry.retention = manifest.retention;
  absl::Status refused;
  const absl::Status named = ChangeName(spec.name, [&](const std::string& now) {
    auto value = RegisterClone(now, *before, entry);
    refused = value.status();
    return value;
  });
  // A change that got no answer may still be decided: then it is a volume, and else an orphan.
  if (!named.ok() && named == refused) Forget(manifest);
  if (!named.ok()) return named;
  return ClonedVolume{std::move(entry), made.cloned->forked_at};
}

void ClusterClient::Forget(const quorum::Manifest& manifest) {
  std::vector<PgId> pgs;
  for (const quorum::Membership& pg : manifest.pgs) pgs.push_back(pg.pg);
  DropSegments(manifest.timeline, pgs).IgnoreError();  // then it is an orphan like any other
}

absl::StatusOr<VolumeEntry> ClusterClient::Find(const std::string& name) {
  if (const absl::Status status = quorum::CheckVolumeName(name); !status.ok()) return status;
  const auto value = registers_.Read(kNamePrefix + name, kNameTimeout);
  if (!value.ok()) return value.status();
  auto entry = DecodeName(name, *value);
  if (!entry.ok()) return entry.status();
  if (entry->has_value()) return **std::move(entry);
  return absl::NotFoundError(
      absl::StrCat("no volume ", name, "; create it: hexad volume create ", name));
}

absl::StatusOr<std::vector<VolumeEntry>> ClusterClient::List() {
  const auto values = registers_.ReadAll(kNamePrefix, kDescribeTimeout);
  if (!values.ok()) return values.status();
  std::vector<VolumeEntry> entries;
  for (const auto& [key, value] : *values) {
    auto entry = DecodeName(key.substr(sizeof kNamePrefix - 1), value);
    if (!entry.ok()) return entry.status();
    if (entry->has_value()) entries.push_back(**std::move(entry));
  }
  return entries;
}

std::vector<v1::NodeDescription> ClusterClient::DescribeNodes() {
  using Descriptions = Gather<v1::NodeDescription>;
  auto gather = std::make_shared<Descriptions>(nodes_->channels.size(), nodes_->port->NewEvent(),
                                               [](const auto&) { return false; });
  size_t i = 0;
  for (const auto& [id, channel] : nodes_->channels) {
    channel->Describe(true, kDescribeTimeout,
                      [gather, i](auto answer) { gather->Add(i, std::move(answer)); });
    ++i;
  }
  std::vector<v1::NodeDescription> described;
  for (auto& answer : gather->WaitUntil(nodes_->port->Now() + kDescribeTimeout)) {
    if (answer.has_value() && answer->ok()) described.push_back(**std::move(answer));
  }
  return described;
}

ClusterClient::Segments ClusterClient::FindSegments(const VolumeEntry& entry) {
  std::set<PgId> pgs;
  Segments segments;
  const std::vector<v1::NodeDescription> nodes = DescribeNodes();
  segments.clones_not_everywhere = ClonesNotEverywhere(nodes, entry.timeline);
  for (const v1::NodeDescription& node : nodes) {
    const auto member = entry.first_pg.IndexOf(NodeId(node.node()));
    if (member.has_value() && entry.first_pg.members[static_cast<size_t>(*member)].incarnation ==
                                  Incarnation(node.incarnation())) {
      segments.answered.Add(*member);
    }
    for (const auto& segment : node.segments()) {
      if (TimelineId(segment.timeline()) != entry.timeline) continue;
      pgs.insert(PgId(segment.pg()));
      const int64_t silent = segment.writer_silent_ms();
      if (silent < 0) continue;
      segments.writer_silent_ms =
          segments.writer_silent_ms < 0 ? silent : std::min(segments.writer_silent_ms, silent);
    }
  }
  segments.pgs.assign(pgs.begin(), pgs.end());
  return segments;
}

absl::StatusOr<int> ClusterClient::DropOrphanClones() {
  const std::lock_guard one_at_a_time(orphans_mutex_);
  std::map<TimelineId, FoundClone> clones;
  for (const v1::NodeDescription& node : DescribeNodes()) {
    for (const auto& segment : node.segments()) {
      if (segment.ancestors().empty() || segment.dropped()) continue;
      FoundClone& clone = clones[TimelineId(segment.timeline())];
      clone.timeline = TimelineId(segment.timeline());
      if (!segment.name().empty()) clone.name = segment.name();
      if (std::find(clone.pgs.begin(), clone.pgs.end(), PgId(segment.pg())) == clone.pgs.end()) {
        clone.pgs.push_back(PgId(segment.pg()));
      }
    }
  }
  std::vector<FoundClone> found;
  for (auto& [timeline, clone] : clones) {
    // Its first PG, which has the name, did not answer: whose it is cannot be told.
    if (!clone.name.empty()) found.push_back(std::move(clone));
  }
  const auto owner_of = [&](const std::string& name) -> absl::StatusOr<TimelineId> {
    const auto entry = Find(name);
    if (absl::IsNotFound(entry.status())) return TimelineId();
    if (!entry.ok()) return entry.status();
    return entry->timeline;
  };
  int dropped = 0;
  absl::Status failed;
  for (const FoundClone& clone : orphans_.ToDrop(found, nodes_->port->Now(), owner_of)) {
    // Its creator may only have paused.
    absl::Status done = ChangeName(clone.name, [&](const std::string& now) {
      return TakeNameFrom(now, clone.name, clone.timeline, RandomNumber());
    });
    if (absl::IsAlreadyExists(done)) continue;  // it has its name by now
    if (done.ok()) done = DropSegments(clone.timeline, clone.pgs);
    if (done.ok()) {
      ++dropped;
    } else {
      failed = std::move(done);
    }
  }
  if (!failed.ok()) return failed;
  return dropped;
}

absl::Status ClusterClient::CheckNoWriter(const VolumeEntry& entry,
                                          const Segments& segments) const {
  const int64_t silent = segments.writer_silent_ms;
  if (silent >= 0 && silent < kWriterSilenceMs) {
    return absl::FailedPreconditionError(absl::StrCat("volume ", entry.name,
                                                      " has a writer, heard ", silent,
                                                      " ms ago; stop it, or use --force"));
  }
  if (entry.first_pg.Quorums().CanRead(segments.answered)) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("volume ", entry.name, " may have a writer: only ", segments.answered.size(),
                   " of the ", entry.first_pg.members.size(),
                   " nodes that would have heard it answer; use --force to insist"));
}

absl::Status ClusterClient::DropSegments(TimelineId timeline, const std::vector<PgId>& pgs) {
  using Drops = Gather<v1::DropSegmentsAnswer>;
  auto gather = std::make_shared<Drops>(nodes_->channels.size(), nodes_->port->NewEvent(),
                                        [](const auto&) { return false; });
  v1::DropSegmentsRequest ask;
  ask.set_cluster(nodes_->id.value());
  ask.set_timeline(timeline.value());
  for (const PgId pg : pgs) ask.add_pgs(pg.value());
  size_t i = 0;
  for (const auto& [id, channel] : nodes_->channels) {
    channel->DropSegments(ask, kDescribeTimeout,
                          [gather, i](auto answer) { gather->Add(i, std::move(answer)); });
    ++i;
  }
  const auto answers = gather->WaitUntil(nodes_->port->Now() + kDescribeTimeout);
  std::vector<std::string> kept;
  i = 0;
  for (const auto& [id, channel] : nodes_->channels) {
    const auto& answer = answers[i++];
    if (!answer.has_value() || !answer->ok()) kept.push_back(id.value());
  }
  if (kept.empty()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(absl::StrJoin(kept, ", "), " did not confirm that its segments are deleted"));
}

// The name goes first: from then on nobody can open the volume. Segments on nodes that are down
// stay there, unknown to anybody, which the caller is told.
absl::Status ClusterClient::Drop(const std::string& name, bool force) {
  const auto entry = Find(name);
  if (!entry.ok()) return entry.status();
  Segments segments = FindSegments(*entry);
  if (!force) {
    if (const absl::Status free = CheckNoWriter(*entry, segments); !free.ok()) return free;
    if (!segments.clones_not_everywhere.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("volume ", name, " has clones that would lose what they need of it: ",
                       absl::StrJoin(segments.clones_not_everywhere, "; "),
                       "; open them once while all nodes are up and try again, or use --force"));
    }
  }
  const absl::Status freed = ChangeName(
      name, [&](const std::string& now) { return FreeName(now, *entry, RandomNumber()); });
  if (!freed.ok()) return freed;
  if (segments.pgs.empty()) segments.pgs = {entry->first_pg.pg};
  const absl::Status deleted = DropSegments(entry->timeline, segments.pgs);
  if (deleted.ok()) return deleted;
  return absl::Status(deleted.code(),
                      absl::StrCat("the name ", name, " is gone, but ", deleted.message()));
}

absl::StatusOr<std::shared_ptr<Volume>> ClusterClient::Open(const std::string& name,
                                                            const OpenOptions& options) {
  if (options.writer.lal == 0 || options.writer.lal > quorum::kMaxLal) {
    return absl::InvalidArgumentError(absl::StrCat("LAL ", options.writer.lal, ": it must be 1 to ",
                                                   quorum::kMaxLal,
                                                   ", which every opening counts on"));
  }
  auto entry = Find(name);
  if (!entry.ok()) return entry.status();
  const auto host = std::make_shared<VolumeHost>(nodes_, *std::move(entry), options);
  if (const absl::Status status = host->Open(); !status.ok()) return status;
  // The user's handle closes the host: its streams and timers hold it only while they run.
  return std::shared_ptr<Volume>(host.get(), [host](Volume*) { host->Close(); });
}

}  // namespace hexad::compute
