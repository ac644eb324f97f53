// Every verb of the command line, one file each. Add<Verb> declares the verb's options and what it
// runs; nothing is done before the whole command line was understood.
#pragma once

#include <CLI/App.hpp>

#include "cli/session.h"

namespace hexad::cli {

void AddUp(CLI::App& app, Session& session);
void AddDown(CLI::App& app, Session& session);
void AddStatus(CLI::App& app, Session& session);
void AddDoctor(CLI::App& app, Session& session);
void AddLogs(CLI::App& app, Session& session);
void AddFaults(CLI::App& app, Session& session);  // kill, pause, resume, restart, wipe
void AddLinks(CLI::App& app, Session& session);   // cut, slow, heal
void AddVolume(CLI::App& app, Session& session);
void AddBacktrack(CLI::App& app, Session& session);
void AddClone(CLI::App& app, Session& session);
void AddHistory(CLI::App& app, Session& session);
void AddSql(CLI::App& app, Session& session);
void AddPage(CLI::App& app, Session& session);
void AddVerify(CLI::App& app, Session& session);
void AddBench(CLI::App& app, Session& session);
void AddDemo(CLI::App& app, Session& session);

void AddAllVerbs(CLI::App& app, Session& session);

}  // namespace hexad::cli
