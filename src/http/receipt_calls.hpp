#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "http/evidence_calls.hpp"
#include "http/gate.hpp"
#include "http/request_calls.hpp"

namespace countersign::http {

// GET /r/{id}: a decision with its proof, as a page for people. A link from a card shows what the card shows.
// A token, in the Authorization header or in the page's own form (POST), shows all of it to whom it lets read
// the request. Nothing is ever changed here.
class ReceiptCalls {
  public:
    ReceiptCalls(const app::Runtime& runtime, Parts parts, Gate& gate, RequestCalls& requests,
                 EvidenceCalls& evidence)
        : runtime_(runtime), parts_(parts), gate_(gate), requests_(requests), evidence_(evidence) {}
    std::vector<Route> routes();

  private:
    struct Shown {
        app::CasePtr now;
        bool all = false;  // else what the card shows
    };
    rt::asio::awaitable<net::HttpResponse> page(net::HttpExchange& exchange, net::PathArguments arguments);
    Later<Shown> by_link(std::string_view id, const Target& target, Deadline deadline);
    Later<Shown> by_token(net::HttpExchange& exchange, Target target, net::PathArguments arguments,
                          Deadline deadline);
    // What the reader's browser checks, and what stands there until it has.
    Later<std::string> proof_part(const Shown& shown, Deadline deadline);
    std::string story(const Shown& shown) const;

    const app::Runtime& runtime_;
    Parts parts_;
    Gate& gate_;
    RequestCalls& requests_;
    EvidenceCalls& evidence_;
};

}  // namespace countersign::http
