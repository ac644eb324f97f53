#include "cli/verbs/verbs.h"

namespace hexad::cli {

void AddAllVerbs(CLI::App& app, Session& session) {
  AddUp(app, session);
  AddDown(app, session);
  AddStatus(app, session);
  AddDoctor(app, session);
  AddLogs(app, session);
  AddFaults(app, session);
  AddLinks(app, session);
  AddVolume(app, session);
  AddBacktrack(app, session);
  AddClone(app, session);
  AddHistory(app, session);
  AddSql(app, session);
  AddPage(app, session);
  AddVerify(app, session);
  AddBench(app, session);
  AddDemo(app, session);
}

}  // namespace hexad::cli
