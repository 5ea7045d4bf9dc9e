#include "pg/facts.hpp"

namespace countersign::pg {

std::string persons(const std::vector<core::PersonId>& people, const wire::Salt& salt) {
    std::string out = "{";
    for (const auto& person : people) {
        if (out.size() > 1) out += ',';
        out += wire::sealed_uuid(salt, person.text());
    }
    return out += '}';
}

}  // namespace countersign::pg
