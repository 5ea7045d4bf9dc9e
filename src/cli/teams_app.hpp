#pragma once
#include <vector>

#include "cli/zip.hpp"

namespace countersign::cli {

// The files of manifests/teams that an app consists of, built into the program.
std::vector<ZipFile> teams_app_files();

}  // namespace countersign::cli
