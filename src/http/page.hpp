#pragma once
#include <string>
#include <string_view>

#include "countersign/net/http.hpp"
#include "http/router.hpp"

// Pages for people: one frame, and headers under which a page runs no script but ours, is put into no frame,
// and tells nobody where its reader came from.
namespace countersign::http {

struct Page {
    std::string title;           // plain text
    std::string body;            // HTML
    std::string_view script{};   // the name of a script of ours; empty: none
    std::string_view root = "";  // from the page's path to the server's root: "../"
};
net::HttpResponse page_answer(unsigned status, const Page& page);

// The scripts and styles that pages ask for, under /assets/.
Route assets_route();

}  // namespace countersign::http
