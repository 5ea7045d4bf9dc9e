#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "countersign/base/secret.hpp"

namespace countersign::pg {

// How long the connections beside the pool may take to come about.
inline constexpr std::chrono::seconds side_connect_timeout{3};

// The connection string with what it leaves open filled in: connect_timeout, application_name, keep-alives
// and, for several hosts, target_session_attrs=read-write, so that a failover is a reconnect. Holds secrets.
std::string complete_uri(const Secret& uri, std::chrono::seconds connect_timeout, const std::string& name);

// Answers whether a connection string names more than one host.
bool several_hosts(std::string_view text);

}  // namespace countersign::pg
