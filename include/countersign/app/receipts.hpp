#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "countersign/base/secret.hpp"
#include "countersign/core/decide.hpp"

namespace countersign::app {

// Makes links to the page that shows a decision, for cards. Whoever has one sees there what the card shows,
// until it ends. There is nothing to look up: the link says until when it is good, under a keyed hash.
class ReceiptLinks {
  public:
    static constexpr core::Duration good_for{std::chrono::hours{24 * 30}};  // after the decision

    // `retired`: former server keys, whose links stay good as long as they said.
    ReceiptLinks(std::string public_url, const Secret& server_key, const std::vector<Secret>& retired = {});

    // The same one for a decision however often it is asked for; empty while nothing is decided.
    std::string link(core::RequestId request, const core::Ruling& ruling) const;
    // Checks what a link brings along. unauthenticated: link_invalid, link_expired.
    Result<Done> check(core::RequestId request, std::string_view until, std::string_view signature,
                       core::Instant now) const;

  private:
    std::string public_url_;
    std::vector<Secret> keys_;  // the one in use first
};

}  // namespace countersign::app
