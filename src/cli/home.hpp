#pragma once
#include <string>

namespace countersign::cli {

// $COUNTERSIGN_HOME, else /var/lib/countersign as root, else ~/.local/share/countersign.
std::string home_folder();

}  // namespace countersign::cli
