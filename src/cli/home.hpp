#pragma once
#include <string>
#include <string_view>

namespace countersign::cli {

// $COUNTERSIGN_HOME, else /var/lib/countersign as root, else ~/.local/share/countersign.
std::string home_folder();

// Files that `dev` leaves in its folder for the verbs that work on it.
inline constexpr std::string_view dev_policy_note = "policy";  // where its policy is

}  // namespace countersign::cli
