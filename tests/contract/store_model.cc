#include "tests/contract/store_model.h"

#include <algorithm>
#include <sstream>

namespace hexad::storage_node {
namespace {

struct Applier {
  StoreModel& model;

  void operator()(const PutBoxcar& put) {
    model.log[{put.pg, put.timeline, put.first_lsn}] = std::string(put.bytes.view());
  }
  void operator()(const DropLog& drop) {
    std::erase_if(model.log, [&](const auto& entry) {
      const auto& [pg, timeline, lsn] = entry.first;
      return pg == drop.pg && timeline == drop.timeline && lsn < drop.below;
    });
  }
  void operator()(const PutVersion& put) {
    model.versions[{put.pg, put.page, put.timeline, put.lsn}] = {put.kind, put.bytes};
  }
  void operator()(const DropVersion& drop) {
    model.versions.erase({drop.pg, drop.page, drop.timeline, drop.lsn});
  }
  void operator()(const DropPage& drop) {
    std::erase_if(model.versions, [&](const auto& e) {
      const auto& [pg, page, timeline, lsn] = e.first;
      return pg == drop.pg && page == drop.page && timeline == drop.timeline;
    });
  }
  void operator()(const PutMeta& put) { model.meta[put.key] = put.value; }
  void operator()(const DropMeta& drop) { model.meta.erase(drop.key); }
  void operator()(const DropSegment& drop) {
    std::erase_if(model.log, [&](const auto& e) { return std::get<PgId>(e.first) == drop.pg; });
    std::erase_if(model.versions,
                  [&](const auto& e) { return std::get<PgId>(e.first) == drop.pg; });
    const std::string prefix = SegmentMetaPrefix(drop.pg);
    std::erase_if(model.meta, [&](const auto& e) { return e.first.starts_with(prefix); });
  }
  void operator()(const DropTimeline& drop) {
    std::erase_if(model.log, [&](const auto& e) {
      return std::get<PgId>(e.first) == drop.pg && std::get<TimelineId>(e.first) == drop.timeline;
    });
    std::erase_if(model.versions, [&](const auto& e) {
      return std::get<PgId>(e.first) == drop.pg && std::get<TimelineId>(e.first) == drop.timeline;
    });
    const std::string prefix = TimelineMetaPrefix(drop.pg, drop.timeline);
    std::erase_if(model.meta, [&](const auto& e) { return e.first.starts_with(prefix); });
  }
};

// Every version of the page on the timeline. A read ends at an image, so ask again below it.
absl::Status ReadVersionsOf(const SegmentStore& store, PgId pg, PageNo page, TimelineId timeline,
                            StoreModel& all) {
  Lsn last = Lsn::Max();
  for (;;) {
    const auto versions = store.ReadVersions(pg, page, {LsnRange{timeline, Lsn::First(), last}});
    if (!versions.ok()) return versions.status();
    if (versions->empty()) return absl::OkStatus();
    for (const PageVersion& v : *versions) {
      all.versions[{pg, page, v.timeline, v.lsn}] = {v.kind, std::string(v.bytes.view())};
    }
    last = versions->front().lsn.Prev();
    if (last.IsNone()) return absl::OkStatus();
  }
}

template <class Map>
void Compare(const char* what, const Map& expected, const Map& actual, std::ostream& out) {
  out << what << ": expected " << expected.size() << ", found " << actual.size() << "; ";
  for (const auto& entry : expected) {
    if (!actual.contains(entry.first)) out << "one is missing; ";
    if (!actual.contains(entry.first) || actual.at(entry.first) != entry.second) break;
  }
}

}  // namespace

void StoreModel::Apply(const StoreBatch& batch) {
  for (const StoreOp& op : batch.ops) std::visit(Applier{*this}, op);
}

std::vector<PageVersion> StoreModel::Read(PgId pg, PageNo page,
                                          const std::vector<LsnRange>& visible) const {
  std::vector<PageVersion> found;  // oldest first
  for (auto range = visible.rbegin(); range != visible.rend(); ++range) {
    for (const auto& [key, version] : versions) {
      const auto& [v_pg, v_page, timeline, lsn] = key;
      if (v_pg != pg || v_page != page || timeline != range->timeline) continue;
      if (lsn < range->first || lsn > range->last) continue;
      if (version.first == VersionKind::kImage) found.clear();
      found.push_back(PageVersion{timeline, lsn, version.first, BytesRef::Own(version.second)});
    }
  }
  return found;
}

absl::StatusOr<StoreModel> ReadAll(const SegmentStore& store, const Universe& universe) {
  StoreModel all;
  for (PgId pg : universe.pgs) {
    for (TimelineId timeline : universe.timelines) {
      const auto status = store.ScanLog(pg, timeline, Lsn::None(), [&](Lsn lsn, BytesRef bytes) {
        all.log[{pg, timeline, lsn}] = std::string(bytes.view());
        return true;
      });
      if (!status.ok()) return status;
      for (PageNo page : universe.pages) {
        const auto read = ReadVersionsOf(store, pg, page, timeline, all);
        if (!read.ok()) return read;
      }
    }
  }
  const auto status = store.ScanMeta("", [&](std::string_view key, std::string_view value) {
    all.meta[std::string(key)] = std::string(value);
  });
  if (!status.ok()) return status;
  return all;
}

std::string Difference(const StoreModel& expected, const StoreModel& actual) {
  std::ostringstream out;
  Compare("boxcars", expected.log, actual.log, out);
  Compare("versions", expected.versions, actual.versions, out);
  Compare("meta", expected.meta, actual.meta, out);
  return out.str();
}

}  // namespace hexad::storage_node
