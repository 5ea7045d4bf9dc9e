#pragma once
#include <memory>

#include "countersign/adapters/config.hpp"
#include "countersign/adapters/on_call.hpp"
#include "countersign/app/quiet.hpp"
#include "countersign/net/guarded_dialer.hpp"

// How people are reached: when, and who of them is on call.
namespace countersign::server {

// Says which of these settings is not fit for use, and what to write instead.
Result<Done> check_reach(const config::Settings& settings);

std::unique_ptr<app::QuietTimes> make_quiet_times(const config::Settings& settings);  // null: none

// The address in the settings may be in the house; nothing that it leads to is.
net::GuardedDialer::Guard on_call_guard(const config::Settings& settings);
std::unique_ptr<on_call::Rota> make_rota(const config::Settings& settings, on_call::Parts parts);

}  // namespace countersign::server
