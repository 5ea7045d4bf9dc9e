#include "http/successor.hpp"

#include <utility>
#include <variant>

#include "countersign/wire/json.hpp"
#include "countersign/wire/request.hpp"
#include "countersign/wire/token.hpp"

namespace countersign::http {

void tell_successor(std::string& body, const core::Case& c, const Secret& access_key) {
    for (const core::Entry& entry : c.entries) {
        const auto* ended = std::get_if<core::Cancelled>(&entry);
        if (!ended || !ended->narrowed) continue;
        auto document =
            wire::parse_json(body, {.bytes_max = body.size(), .nesting_max = wire::document_nesting_max});
        if (!document) return;
        auto successor = (*document)["narrowed_to"];
        successor.set("access_token", wire::access_token(access_key, ended->narrowed->into).reveal());
        document->set("narrowed_to", std::move(successor));
        body = core::canonical(*document);
    }
}

}  // namespace countersign::http
