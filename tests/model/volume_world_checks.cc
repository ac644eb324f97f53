// What must hold at every opening, and when all faults have stopped.
#include <algorithm>

#include "tests/model/volume_world_parts.h"

namespace hexad::model {

using storage_node::CallId;

std::optional<quorum::PageRead> VolumeWorld::Read(Node& node, const quorum::ReadPage& read,
                                                  std::string& why) {
  // (`why` collects: a page is unreadable for the reasons of all six.)
  if (node.core == nullptr) return std::nullopt;
  const CallId call(next_call_++);
  StepNode(node, storage_node::ReadAsked{call, read});
  auto page = node.reads.extract(call);
  if (!page.empty()) return page.mapped();
  auto refused = node.refused.extract(call);
  if (!refused.empty()) why += refused.mapped().message + "; ";
  return std::nullopt;
}

// The number that each page's slot holds after every MTR that this history sees, up to a read
// point.
std::map<PageNo, uint64_t> VolumeWorld::ExpectedAt(const quorum::Path& path, Lsn read_point) const {
  std::map<Lsn, const Mtr*> visible;
  for (const auto& [id, mtr] : mtrs_) {
    if (mtr.commit_lsn.IsNone() || mtr.commit_lsn > read_point) continue;
    if (path.Visible(named_.timeline, mtr.commit_lsn)) visible[mtr.commit_lsn] = &mtr;
  }
  std::map<PageNo, uint64_t> pages;
  for (const auto& [lsn, mtr] : visible) {
    for (const PageNo page : mtr->pages) pages[page] = mtr->id;
  }
  return pages;
}

namespace {

uint64_t NumberIn(const quorum::PageRead& read) {
  return LoadLe<uint64_t>(read.page.view().data() + 4000);
}

}  // namespace

// I1 and I2: the new history holds every acknowledged MTR. I4: storage, read from each segment that
// is complete, is exactly the MTRs of that history.
void VolumeWorld::CheckOpening(Writer& writer, const backtrack::Opened& opened) {
  const auto& path = opened.start.pg_paths.front().path;
  for (const auto& [id, mtr] : mtrs_) {
    if (!mtr.acked) continue;
    Check(path.Visible(named_.timeline, mtr.commit_lsn),
          "I1: MTR " + std::to_string(id) + " at " + std::to_string(mtr.commit_lsn.value()) +
              " was acknowledged and is not in " + path.Describe());
  }
  Check(opened.start.vdl >= Lsn() && opened.start.first_lsn > opened.start.vdl, "fork below start");
  const auto expected = ExpectedAt(path, opened.start.vdl);
  const auto& manifest = opened.start.manifest;
  for (uint32_t p = 0; p < manifest.pgs.size() * manifest.pages_per_pg; ++p) {
    const PageNo page(p);
    const size_t pg_index = manifest.PgIndexOf(page);
    quorum::ReadPage read;
    read.to = {manifest.timeline, manifest.pgs[pg_index].pg, opened.start.epoch,
               manifest.pgs[pg_index].epoch};
    read.page = page;
    read.read_point = opened.start.vdl;
    read.complete_to = opened.start.pg_paths[pg_index].fork_tail();
    int answers = 0;
    std::string why;
    for (auto& node : nodes_) {
      const auto got = Read(*node, read, why);
      if (!got.has_value()) continue;
      ++answers;
      const auto want = expected.find(page);
      const uint64_t number = want == expected.end() ? 0 : want->second;
      Check(NumberIn(*got) == number,
            "I4: " + node->id.value() + " has " + std::to_string(NumberIn(*got)) + " in page " +
                std::to_string(p) + " at " + std::to_string(opened.start.vdl.value()) +
                ", expected " + std::to_string(number) + " along " + path.Describe());
      writer.page_lsn[page] = got->page_lsn;
    }
    // Complete segments may have crashed since they answered Begin, or a contender may have sealed
    // them; without either, a page of a volume that has just opened can be read.
    const auto down = std::count_if(nodes_.begin(), nodes_.end(),
                                    [](const auto& n) { return n->core == nullptr; });
    const bool sealed = why.find("is fenced by") != std::string::npos;
    Check(answers > 0 || down > 0 || sealed,
          "page " + std::to_string(p) + " is unreadable: " + why);
    if (answers == 0) writer.page_lsn.erase(page);
  }
}

// I7: every segment holds everything, and every page is the same from each of the six.
void VolumeWorld::CheckConverged() {
  Writer& writer = *writers_.front();
  const auto& manifest = writer.writer->manifest();
  const Lsn vdl = writer.writer->vdl();
  for (auto& node : nodes_) {
    for (const auto& segment : node->core->Describe(now_)) {
      // A PG whose growth a crash cut short is in no manifest; nothing was ever written to it.
      const bool listed = std::any_of(manifest.pgs.begin(), manifest.pgs.end(),
                                      [&](const auto& pg) { return pg.pg == segment.pg; });
      if (!listed) continue;
      Check(segment.begun == writer.epoch, node->id.value() + " did not learn the last epoch");
    }
  }
  for (uint32_t p = 0; p < manifest.pgs.size() * manifest.pages_per_pg; ++p) {
    const size_t pg_index = manifest.PgIndexOf(PageNo(p));
    quorum::ReadPage read;
    read.to = {manifest.timeline, manifest.pgs[pg_index].pg, writer.epoch,
               manifest.pgs[pg_index].epoch};
    read.page = PageNo(p);
    read.read_point = vdl;
    read.complete_to = writer.writer->CompleteTo(pg_index, vdl);
    std::optional<uint64_t> first;
    for (auto& node : nodes_) {
      std::string why;
      const auto got = Read(*node, read, why);
      Check(got.has_value(),
            node->id.value() + " cannot serve page " + std::to_string(p) + ": " + why);
      if (!got.has_value()) continue;
      if (!first.has_value()) first = NumberIn(*got);
      Check(*first == NumberIn(*got), "I7: segments differ in page " + std::to_string(p));
    }
  }
}

}  // namespace hexad::model
