#include <string>

#include "countersign/app/hiding.hpp"
#include "countersign/app/webhooks.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/token.hpp"
#include "http/request_calls.hpp"

// What only the one who asked is told.
namespace countersign::http {

// Where the callback goes and how its signatures are verified, the salt without which nobody can work out the
// digest, and the token to go on with.
std::string RequestCalls::body_for(const app::CaseNow& now, const ForTheAsker& asker) {
    auto id = now.c.request->id;
    auto document = document_of(now, *parts_.roster.snapshot());
    if (asker.callback)
        document.set("callback",
                     core::Value::object({{"id", app::callback_id(id).text()},
                                          {"url", *asker.callback},
                                          {"secret", parts_.webhooks.callback_secret(id).reveal()}}));
    if (asker.hides) document.set("salt", base64(parts_.hiding.salt(id).reveal()));
    if (asker.workload) document.set("access_token", wire::access_token(settings_.access_key, id).reveal());
    return core::canonical(document);
}

}  // namespace countersign::http
