#pragma once
#include <string>

#include "countersign/app/requests.hpp"
#include "countersign/core/card.hpp"
#include "countersign/net/http.hpp"

namespace countersign::web {

// One request, put before whoever signed in to approve it.
struct ApprovalPage {
    core::CardView card;
    std::string account;  // that signed in
    std::string voter;    // the person it is
    std::string action;   // where the form goes
    std::string token;
    std::string reason;   // said beforehand
    std::string problem;  // with what was sent before; empty: none
    bool reason_required = false;
    bool resource_typed = false;
    bool own = false;  // they approve what they are behind
};
net::HttpResponse approval_page(unsigned status, const ApprovalPage& page);
// A page that says one thing. Both are text.
net::HttpResponse words_page(unsigned status, std::string_view title, std::string_view sentence);

}  // namespace countersign::web
