// A volume as it is known to nobody: every record, every segment's holdings, and what was truly
// acknowledged. The dumb twin that recovery is compared with: it knows no chains and no SCL
// arithmetic, it looks things up in the list of all records.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "quorum/volume_recovery.h"

namespace hexad::quorum {

inline constexpr int kCopies = 6;

inline Membership SixMembers(uint64_t pg) {
  Membership membership;
  membership.pg = PgId(pg);
  for (int i = 0; i < kCopies; ++i) {
    membership.members.push_back(Member{NodeId("n" + std::to_string(i + 1)),
                                        AzId(std::string(1, static_cast<char>('a' + i / 2))),
                                        Incarnation(1)});
  }
  return membership;
}

class VolumeModel {
 public:
  struct Record {
    Lsn lsn, volume_prev, pg_prev;
    size_t pg = 0;
    bool is_cpl = false;
    Lsn vdl_when_sent;
  };

  explicit VolumeModel(size_t pgs) : segments_(pgs) {
    for (size_t pg = 0; pg < pgs; ++pg) memberships_.push_back(SixMembers(100 + pg));
  }

  size_t pgs() const { return segments_.size(); }
  const std::vector<Record>& log() const { return log_; }
  // The highest VDL that a writer who hears every ack at once has told its users.
  Lsn acknowledged() const { return acknowledged_; }

  // Issues one MTR whose records go to these PGs, in this order.
  void Issue(const std::vector<size_t>& pg_of_records) {
    for (size_t i = 0; i < pg_of_records.size(); ++i) {
      const size_t pg = pg_of_records[i];
      log_.push_back(Record{next_, log_.empty() ? Lsn() : log_.back().lsn, TailOf(pg, Lsn::Max()),
                            pg, i + 1 == pg_of_records.size(), acknowledged_});
      next_ = next_.Next();
    }
  }

  // A segment persists a record, and with it the VDL that travelled along.
  void Deliver(const Record& record, int member) {
    Segment& segment = segments_[record.pg][member];
    segment.held.insert(record.lsn);
    segment.vdl_heard = std::max(segment.vdl_heard, record.vdl_when_sent);
    Acknowledge();
  }
  void TellVdl(size_t pg, int member) { segments_[pg][member].vdl_heard = acknowledged_; }

  // The last record of a PG at or below `lsn`.
  Lsn TailOf(size_t pg, Lsn lsn) const {
    Lsn tail;
    for (const Record& record : log_) {
      if (record.pg == pg && record.lsn <= lsn) tail = record.lsn;
    }
    return tail;
  }

  // The last record before the first one that the segment lacks.
  Lsn Scl(size_t pg, int member) const {
    Lsn scl;
    for (const Record& record : log_) {
      if (record.pg != pg) continue;
      if (segments_[pg][member].held.count(record.lsn) == 0) break;
      scl = record.lsn;
    }
    return scl;
  }

  SegmentInventory Inventory(size_t pg, int member) const {
    const Segment& segment = segments_[pg][member];
    SegmentInventory inventory;
    inventory.scl = Scl(pg, member);
    inventory.vdl_heard = segment.vdl_heard;
    inventory.tail_at_vdl = TailOf(pg, std::min(inventory.scl, segment.vdl_heard));
    for (const Record& record : log_) {
      if (record.lsn > segment.vdl_heard && segment.held.count(record.lsn) != 0) {
        inventory.records.push_back(
            InventoryRecord{record.lsn, record.volume_prev, record.pg_prev, record.is_cpl});
      }
    }
    return inventory;
  }

  // The answers of one set of members per PG.
  std::vector<PgInventory> Answers(const std::vector<MemberSet>& answering) const {
    std::vector<PgInventory> pgs(segments_.size());
    for (size_t pg = 0; pg < pgs.size(); ++pg) {
      pgs[pg].membership = &memberships_[pg];
      pgs[pg].answers.resize(kCopies);
      for (int member = 0; member < kCopies; ++member) {
        if (answering[pg].Has(member)) pgs[pg].answers[member] = Inventory(pg, member);
      }
    }
    return pgs;
  }

  // What Recover() must find, stated over the list of all records.
  Recovered Expected(const std::vector<MemberSet>& answering) const {
    Lsn heard;
    std::vector<Lsn> highest_scl(pgs());
    for (size_t pg = 0; pg < pgs(); ++pg) {
      for (int member = 0; member < kCopies; ++member) {
        if (!answering[pg].Has(member)) continue;
        heard = std::max(heard, segments_[pg][member].vdl_heard);
        highest_scl[pg] = std::max(highest_scl[pg], Scl(pg, member));
      }
    }
    Recovered expected{heard, heard, {}};
    for (const Record& record : log_) {
      if (record.lsn <= heard) continue;
      if (record.lsn > highest_scl[record.pg]) break;
      expected.vcl = record.lsn;
      if (record.is_cpl) expected.vdl = record.lsn;
    }
    for (size_t pg = 0; pg < pgs(); ++pg) {
      RecoveredPg one{TailOf(pg, expected.vdl), MemberSet(), false};
      for (int member = 0; member < kCopies; ++member) {
        if (answering[pg].Has(member) && Scl(pg, member) >= one.tail) one.complete.Add(member);
      }
      one.write_quorum_complete = one.complete.size() >= 4;
      expected.pgs.push_back(one);
    }
    return expected;
  }

  // The rest of an opening: everything at or below `vdl` is copied to `refilled` of each PG, what
  // lies above it is forgotten by all, and the next epoch starts a whole LAL higher.
  void Reopen(Lsn vdl, const std::vector<MemberSet>& refilled, uint64_t lal) {
    std::erase_if(log_, [vdl](const Record& record) { return record.lsn > vdl; });
    for (size_t pg = 0; pg < pgs(); ++pg) {
      for (int member = 0; member < kCopies; ++member) {
        Segment& segment = segments_[pg][member];
        segment.held.erase(segment.held.upper_bound(vdl), segment.held.end());
        segment.vdl_heard = std::min(segment.vdl_heard, vdl);
        if (!refilled[pg].Has(member)) continue;
        for (const Record& record : log_) {
          if (record.pg == pg) segment.held.insert(record.lsn);
        }
        segment.vdl_heard = vdl;
      }
    }
    next_ = next_.Plus(lal);
    acknowledged_ = std::max(acknowledged_, vdl);
  }

 private:
  struct Segment {
    std::set<Lsn> held;
    Lsn vdl_heard;
  };

  // A record is durable if four segments are whole up to it; VDL is the last CPL before the first
  // record that is not.
  void Acknowledge() {
    std::vector<std::array<Lsn, kCopies>> scls(pgs());
    for (size_t pg = 0; pg < pgs(); ++pg) {
      for (int member = 0; member < kCopies; ++member) scls[pg][member] = Scl(pg, member);
    }
    for (const Record& record : log_) {
      const auto& pg = scls[record.pg];
      if (std::count_if(pg.begin(), pg.end(), [&](Lsn scl) { return scl >= record.lsn; }) < 4)
        break;
      if (record.is_cpl) acknowledged_ = std::max(acknowledged_, record.lsn);
    }
  }

  std::vector<Membership> memberships_;
  std::vector<std::array<Segment, kCopies>> segments_;
  std::vector<Record> log_;
  Lsn next_ = Lsn::First();
  Lsn acknowledged_;
};

}  // namespace hexad::quorum
