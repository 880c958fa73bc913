"""What a workload costs: at providers, on own hardware, and where both cost the same; what training takes.

Pure: prices, devices and speeds are arguments. Dollars a month of 30.4375 days; prices are dollars a million tokens.
"""
