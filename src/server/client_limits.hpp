#pragma once
#include <chrono>

#include "countersign/net/http_client.hpp"

namespace countersign::server {

// The keys of issuers are small, and so is what witnesses answer; there are few of either.
inline constexpr net::HttpClientLimits small_answers{.header_bytes_max = 16 * 1024,
                                                     .body_bytes_max = 64 * 1024,
                                                     .connections_max = 4,
                                                     .idle_max = std::chrono::seconds{5}};
// Who is on call comes in pages of some hundred.
inline constexpr net::HttpClientLimits on_call_answers{.header_bytes_max = 16 * 1024,
                                                       .body_bytes_max = 1024 * 1024,
                                                       .connections_max = 4,
                                                       .idle_max = std::chrono::seconds{5}};

}  // namespace countersign::server
