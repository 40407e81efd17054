"""What the service is measured against: what people use now, on the same data in the same run (`make bench`)."""
