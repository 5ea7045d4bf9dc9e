#pragma once
#include <string_view>

#include "countersign/base/result.hpp"

// The exit codes that scripts rely on; see `countersign --help`.
namespace countersign::cli {

enum Exit : int {
    exit_ok = 0,
    exit_failed = 1,    // the verb's own work failed
    exit_usage = 2,     // usage, and any other 4xx
    exit_denied = 10,   // by a person
    exit_refused = 11,  // by policy
    exit_expired = 12,  // or lapsed
    exit_cancelled = 13,
    exit_changed = 14,  // grant claimed already, or something changed since approval
    exit_unreachable = 20,
    exit_not_startable = 126,  // the command to run is there, but is no program that could be started
    exit_not_found = 127,      // the command to run
    exit_signal_base = 128,
};

// What a request's state means for whoever waited for its decision.
int exit_of_state(std::string_view state);
// What a failed call means: unreachable for what another attempt might mend, else usage.
int exit_of(const Failure& failure);
// Says on stderr what failed, and returns its exit code.
int complained(const Failure& failure);
// As `complained`, for a verb that works on this machine and its database, where nothing is to be tried
// again: exit_usage for what is wrong with the words of the call, else exit_failed.
int failed(const Failure& failure);
// As `failed`, where a name that is not there, or is somebody else's, is a wrong word too.
int failed_on_names(const Failure& failure);

}  // namespace countersign::cli
