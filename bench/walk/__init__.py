"""The whole product, walked at random and judged after every step."""
