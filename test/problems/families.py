# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# All families of random problems, each a list. Names are unique, since draws are seeded by them.
import dataclasses

import families_elements
import families_products
import families_rows


def _collect(*modules):
    families = {}
    for module in modules:
        for family, problems in module.FAMILIES.items():
            families[family] = [dataclasses.replace(p, family=family) for p in problems()]
    names = [p.name for problems in families.values() for p in problems]
    assert len(names) == len(set(names)), [name for name in set(names) if names.count(name) > 1]
    return families


FAMILIES = _collect(families_elements, families_products, families_rows)
