"""The mutants: each takes one promise out of the code, and names the test that must notice.

`old` stands exactly once in `file`. A mutant whose `old` is gone is an error: whoever changes those lines looks for the
promise in the new ones.
"""

from tests.mutants import keeping, proof, safety, sending, signing_in, tokens

MUTANTS = (*sending.MUTANTS, *tokens.MUTANTS, *safety.MUTANTS, *keeping.MUTANTS, *signing_in.MUTANTS, *proof.MUTANTS)
